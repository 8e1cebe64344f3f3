"""`python -m landline`: the same as the command `landline`."""

from landline.cli.main import main

main()

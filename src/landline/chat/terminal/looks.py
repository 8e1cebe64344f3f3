"""How the screen is laid out, and the themes Textual's own widgets take."""

from __future__ import annotations

from typing import Any

from textual.theme import Theme

from landline.chat.terminal.palette import DARK, LIGHT, PLAIN, Palette

CSS = """
Screen { background: $background; color: $foreground; layout: vertical; }
#top, #status, #keys { height: 1; width: 1fr; }
#middle { height: 1fr; layout: horizontal; }
#rooms, #members { width: 22; height: 1fr; display: none; }
.narrow #rooms, .narrow #members { width: 20; }
.rooms-shown #rooms, .members-shown #members { display: block; }
#scrollback { width: 1fr; height: 1fr; }
#line { height: 1; layout: horizontal; background: $panel; }
#label { height: 1; width: auto; max-width: 24; color: $accent; background: $panel; text-style: bold; }
Input { height: 1; border: none; padding: 0; background: $panel; color: $foreground; }
Input:focus { border: none; background: $panel; background-tint: $panel 0%; }
Input>.input--placeholder, Input>.input--suggestion { color: $text-muted; }

Dialog { align: center middle; background: $background 60%; }
Dialog #box { width: 90%; max-width: 84; height: auto; max-height: 90%; background: $panel; padding: 1 2; }
Dialog #title { height: 1; width: 1fr; }
Dialog #hint { height: 1; width: 1fr; margin-top: 1; }
Dialog #words { height: auto; max-height: 8; width: 1fr; }
Dialog Input { background: $background; margin-top: 1; }
Dialog Input:focus { background: $background; }
Dialog Listing { height: 1fr; min-height: 3; margin-top: 1; }
Dialog.tall #box { height: 90%; }
Dialog.menu #box { max-width: 50; }
Dialog.menu Listing { height: 12; max-height: 60vh; }
"""


def theme_of(palette: Palette) -> Theme:
    """The theme of Textual that goes with a palette."""
    if palette is PLAIN:
        return _without_colours()
    return Theme(
        name=palette.name,
        primary=palette.accent,
        accent=palette.accent,
        foreground=palette.text,
        background=palette.background,
        surface=palette.panel,
        panel=palette.panel,
        error=palette.bad,
        success=palette.good,
        warning=palette.mention,
        dark=palette.is_dark,
        variables={
            "text-muted": palette.quiet,
            "input-cursor-background": palette.text,
            "input-cursor-foreground": palette.background,
            "input-selection-background": palette.cursor_background,
        },
    )


def _without_colours() -> Theme:
    own = "ansi_default"
    roles = ("primary", "secondary", "warning", "error", "success", "accent")
    grounds = ("foreground", "background", "surface", "panel", "boost")
    colours: dict[str, Any] = dict.fromkeys((*roles, *grounds), own)
    return Theme(
        name=PLAIN.name,
        ansi=True,
        **colours,
        variables={
            "text-muted": own,
            "ansi-background": own,
            "ansi-foreground": own,
            "input-cursor-text-style": "reverse",
            "input-cursor-background": own,
            "input-cursor-foreground": own,
            "input-selection-background": own,
            "input-selection-foreground": own,
        },
    )


def palette_for(*, is_light: bool, has_colours: bool) -> Palette:
    """The palette for a terminal."""
    if not has_colours:
        return PLAIN
    return LIGHT if is_light else DARK

// Runs before the first paint, so that who chose a theme never sees the other one flash by.
(() => {
  try {
    const theme = localStorage.getItem("landline.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be blocked; then the theme is that of the system.
  }
})();

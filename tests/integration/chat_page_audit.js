// Looks for what keeps people from reading or using the page as it is now; returns sentences.
() => {
  const problems = [];
  const channel = (value) => { const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; };
  const light = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((value, at) => value * top[3] + below[at] * (1 - top[3]));
  const ground = (node) => {
    if (!node) return colour(getComputedStyle(document.documentElement).colorScheme === "dark" ? "black" : "white").slice(0, 3);
    const own = colour(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, ground(node.parentElement));
  };
  const isShown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !node.closest("[inert]");
  const label = (node) => `${node.tagName.toLowerCase()}#${node.id}.${node.className} ${node.textContent.slice(0, 30)}`;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !isShown(node) || node.closest(".unseen, script, noscript, :disabled")) continue;
    const below = ground(node);
    const above = over(colour(getComputedStyle(node).color), below);
    const [high, low] = [light(above), light(below)].sort((one, other) => other - one);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${label(node)}`);
  }
  for (const node of document.querySelectorAll("button, a[href], input, select, textarea, [role=log], nav, aside, dialog[open]")) {
    if (!isShown(node)) continue;
    const by = node.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    const name = by || node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.innerText || "";
    if (!name.trim()) problems.push(`no name: ${label(node)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`two of #${id}`);
  for (const name of ["aria-controls", "aria-labelledby", "aria-describedby"]) {
    for (const node of document.querySelectorAll(`[${name}]`)) {
      for (const id of node.getAttribute(name).split(" ")) if (!document.getElementById(id)) problems.push(`${name} of nothing: ${id}`);
    }
  }
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) problems.push(`${wide} px wide on ${innerWidth}`);
  for (const node of document.querySelectorAll("button, input, select, textarea")) {
    const box = node.getBoundingClientRect();
    const isSmall = node.matches(".nick, .quiet-button") ? box.height < 18 : box.height < 24 || box.width < 24;
    if (isShown(node) && isSmall) problems.push(`only ${box.width} by ${box.height}: ${label(node)}`);
  }
  if (document.querySelectorAll("h1").length !== 1 || !document.querySelector("main")) problems.push("no one heading, or no main part");
  return problems;
}

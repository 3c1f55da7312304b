"""How well the words of a page stand out from what is behind them."""

TEXT_CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92
      : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      const tint = style.backgroundImage.match(/(?:rgba?|color)\\([^)]*\\)/);
      if (tint) return rgba(tint[0]);
      const colour = rgba(style.backgroundColor);
      if (colour[3] === 255) return colour;
    }
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility() || element.closest('script, option, title, desc')) {
      continue;
    }
    const style = getComputedStyle(element);
    const drawn = element instanceof SVGElement;
    const [a, b] = [rgba(drawn ? style.fill : style.color), ground(element)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, element.textContent.trim().slice(0, 40), element.className]);
  }
  return found;
}"""
"""A script that gives ``[ratio, text, class]`` of each element with text of its own (WCAG 2.2)."""

// Before anything is drawn, so that nothing flashes.
try {
  const chosen = localStorage.getItem('varve-docs-theme');
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; then the system's choice counts.
}

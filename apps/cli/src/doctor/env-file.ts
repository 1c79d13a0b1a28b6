/**
 * Reads a file of settings as systemd's `EnvironmentFile=` does: `NAME=value` lines, `#` and `;` comment lines, single
 * or double quotes around a value. A `#` within a value is part of it: passwords have them.
 */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const [, name, value = ''] = /^([A-Za-z_]\w*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) values[name] = unquoted(value);
  }
  return values;
}

function unquoted(value: string): string {
  const single = /^'([^']*)'$/.exec(value);
  if (single) return single[1] ?? '';
  const double = /^"((?:[^"\\]|\\.)*)"$/.exec(value);
  return double ? (double[1] ?? '').replace(/\\(.)/g, '$1') : value;
}

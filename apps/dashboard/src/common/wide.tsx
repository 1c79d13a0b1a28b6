/** What needs more room than a small screen has is moved to and fro by itself, also by keyboard. */
export function Wide({ label, width, children }: { label: string; width: number; children: React.ReactNode }) {
  return (
    <div role="region" aria-label={label} tabIndex={0} style={{ overflowX: 'auto' }}>
      <div style={{ minWidth: width }}>{children}</div>
    </div>
  );
}

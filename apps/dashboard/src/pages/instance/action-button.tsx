import { Button, Tooltip } from 'antd';
import type { ButtonProps } from 'antd';

interface Props extends Pick<ButtonProps, 'icon' | 'type' | 'danger' | 'size' | 'loading' | 'onClick' | 'href'> {
  readonly label: string;
  /** Why it can't be done now; `null`: it can. Said on hover, on focus and to screen readers. */
  readonly why: string | null;
}

/** A button that says why it does nothing, when it does nothing. */
export function ActionButton({ label, why, ...button }: Props) {
  if (why === null) return <Button {...button}>{label}</Button>;
  return (
    <Tooltip title={why} trigger={['hover', 'focus', 'click']}>
      <span tabIndex={0} role="note" aria-label={`${label}: ${why}`}>
        <Button {...button} href={undefined} onClick={undefined} disabled aria-hidden>
          {label}
        </Button>
      </span>
    </Tooltip>
  );
}

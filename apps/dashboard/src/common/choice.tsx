import { Select } from 'antd';

interface Props<Value extends string> {
  readonly label: string;
  readonly value: Value | undefined;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly onChoose: (value: Value | null) => void;
  /** With many options one types to find one. */
  readonly many?: boolean;
  readonly width?: number;
}

/** A filter that is one of a few, or none of them. */
export function Choice<Value extends string>({
  label,
  value,
  options,
  onChoose,
  many = false,
  width = 170,
}: Props<Value>) {
  return (
    <Select<Value>
      aria-label={label}
      placeholder={label}
      {...(value !== undefined && { value })}
      // One that the list doesn't have, e.g. a host that is gone, is shown all the same.
      options={
        value === undefined || options.some((one) => one.value === value)
          ? [...options]
          : [...options, { value, label: value }]
      }
      onChange={(chosen: Value | undefined) => onChoose(chosen ?? null)}
      allowClear
      {...(many && { showSearch: true })}
      popupMatchSelectWidth={false}
      style={{ width, maxWidth: '100%' }}
    />
  );
}

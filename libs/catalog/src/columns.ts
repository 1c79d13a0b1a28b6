import type { ColumnOptions, ValueTransformer } from 'typeorm';

/** `pg` hands bigint over as a string; this makes it a number again, exact up to 8 PiB. */
const asNumber: ValueTransformer = {
  to: (value: number | null | undefined) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
};

export const bigint = (name: string, options: ColumnOptions = {}): ColumnOptions => ({
  ...options,
  name,
  type: 'bigint',
  transformer: asNumber,
});

/** Millisecond precision, as JavaScript's own times have: page markers are made of them. */
export const time = (name: string, options: ColumnOptions = {}): ColumnOptions => ({
  ...options,
  name,
  type: 'timestamptz',
  precision: 3,
});

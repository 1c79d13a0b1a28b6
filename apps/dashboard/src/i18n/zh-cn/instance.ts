export const instance = {
  title: '',
} as const;

export const instances = {
  title: '',
} as const;

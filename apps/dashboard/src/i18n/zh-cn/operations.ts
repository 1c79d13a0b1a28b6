export const operations = {
  title: '',
} as const;

export const LANGUAGES = { en: 'English', 'zh-CN': '简体中文' } as const;
export type Language = keyof typeof LANGUAGES;

/** The first of what somebody prefers that the page speaks; English where it speaks none. */
export function languageFor(preferred: readonly string[]): Language {
  return /^zh\b/i.test(preferred.find((one) => /^(en|zh)\b/i.test(one)) ?? '') ? 'zh-CN' : 'en';
}

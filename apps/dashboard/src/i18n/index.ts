import dayjs from 'dayjs';
import 'dayjs/locale/zh-cn';
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { store, stored } from '../common/local.ts';
import { en } from './en/index.ts';
import { zhCN } from './zh-cn/index.ts';

// Everything the page says is here, once for each language; the compiler wants the same texts in all of them.

export const LANGUAGES = { en: 'English', 'zh-CN': '简体中文' } as const;
export type Language = keyof typeof LANGUAGES;

const known = (name: string | null): Language | null => (name === 'en' || name === 'zh-CN' ? name : null);
const ofBrowser = (): Language => (navigator.languages.some((one) => /^zh\b/i.test(one)) ? 'zh-CN' : 'en');

// The texts are in the bundle: it is done before this returns.
void i18next.use(initReactI18next).init({
  lng: known(stored('language')) ?? ofBrowser(),
  fallbackLng: 'en',
  resources: { en: { translation: en }, 'zh-CN': { translation: zhCN } },
  interpolation: { escapeValue: false }, // React does
});

function apply(language: string): void {
  document.documentElement.lang = language;
  dayjs.locale(language.toLowerCase());
}
apply(i18next.language);
i18next.on('languageChanged', apply);

export async function changeLanguage(language: Language): Promise<void> {
  store('language', language);
  await i18next.changeLanguage(language);
}

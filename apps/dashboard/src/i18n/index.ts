import dayjs from 'dayjs';
import 'dayjs/locale/zh-cn';
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { store, stored } from '../common/local.ts';
import { en } from './en/index.ts';
import { languageFor } from './language.ts';
import type { Language } from './language.ts';
import { zhCN } from './zh-cn/index.ts';

// Everything the page says is here, once for each language; the compiler wants the same texts in all of them.

const known = (name: string | null): Language | null => (name === 'en' || name === 'zh-CN' ? name : null);

// The texts are in the bundle: it is done before this returns.
void i18next.use(initReactI18next).init({
  lng: known(stored('language')) ?? languageFor(navigator.languages),
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

import { useTranslation } from 'react-i18next';
import { formatIn } from './format.ts';

/** How things are written in the reader's language. */
export const useFormat = (): ReturnType<typeof formatIn> => formatIn(useTranslation().i18n.language);

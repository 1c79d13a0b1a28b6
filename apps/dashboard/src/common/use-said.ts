import { useTranslation } from 'react-i18next';
import { saidIn } from '../i18n/service.ts';

/** What the service and its hosts say, in the reader's language. */
export const useSaid = (): ReturnType<typeof saidIn> => saidIn(useTranslation().i18n.language);

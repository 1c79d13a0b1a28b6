import { useTranslation } from 'react-i18next';
import { PageTitle } from '../../shared/page-title.tsx';

export default function RollbackPage() {
  const { t } = useTranslation();
  return <PageTitle title={t('instance.title')} />;
}

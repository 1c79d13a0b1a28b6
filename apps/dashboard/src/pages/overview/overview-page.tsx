import { useTranslation } from 'react-i18next';
import { PageTitle } from '../../shared/page-title.tsx';

export default function OverviewPage() {
  const { t } = useTranslation();
  return <PageTitle title={t('overview.title')} />;
}

import { useTranslation } from 'react-i18next';
import { PageTitle } from '../../shared/page-title.tsx';

export default function InstancesPage() {
  const { t } = useTranslation();
  return <PageTitle title={t('instances.title')} />;
}

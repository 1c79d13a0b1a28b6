import { Flex, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { changeLanguage } from '../i18n/index.ts';
import { LANGUAGES } from '../i18n/language.ts';
import type { Language } from '../i18n/language.ts';
import { usePreferences } from './preferences.tsx';

/** Language and appearance, of everybody's own choosing. */
export function Choices() {
  const { t, i18n } = useTranslation();
  const { appearance, setAppearance } = usePreferences();
  return (
    <Flex gap={8} wrap>
      <Select<Language>
        aria-label={t('common.settings.language')}
        value={i18n.language as Language}
        onChange={(language) => void changeLanguage(language)}
        options={Object.entries(LANGUAGES).map(([value, label]) => ({ value: value as Language, label }))}
        style={{ minWidth: 120 }}
      />
      <Select
        aria-label={t('common.settings.appearance')}
        value={appearance}
        onChange={setAppearance}
        options={(['system', 'light', 'dark'] as const).map((value) => ({
          value,
          label: t(`common.settings.${value}`),
        }))}
        style={{ minWidth: 130 }}
      />
    </Flex>
  );
}

import { theme } from 'antd';
import type { ThemeConfig } from 'antd';

/** antd's look, with its blue and its greys made dark enough to be read (WCAG AA: 4.5 to 1). */
export const themeOf = (dark: boolean): ThemeConfig => ({
  algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
  token: dark
    ? {
        colorPrimary: '#3c89e8',
        colorLink: '#6cb1ff',
        colorTextSecondary: 'rgba(255, 255, 255, 0.72)',
        colorTextTertiary: 'rgba(255, 255, 255, 0.65)',
        colorTextDescription: 'rgba(255, 255, 255, 0.68)',
        colorTextPlaceholder: 'rgba(255, 255, 255, 0.6)',
        colorTextDisabled: 'rgba(255, 255, 255, 0.5)',
      }
    : {
        colorPrimary: '#0958d9',
        colorLink: '#0958d9',
        colorError: '#cf1322',
        colorSuccess: '#237804',
        colorWarning: '#ad4e00',
        colorTextSecondary: 'rgba(0, 0, 0, 0.68)',
        colorTextTertiary: 'rgba(0, 0, 0, 0.62)',
        colorTextDescription: 'rgba(0, 0, 0, 0.65)',
        colorTextPlaceholder: 'rgba(0, 0, 0, 0.6)',
        colorTextDisabled: 'rgba(0, 0, 0, 0.5)',
      },
});

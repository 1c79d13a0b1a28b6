import { theme } from 'antd';
import type { ThemeConfig } from 'antd';

/**
 * antd's look, with its colours made dark, or light, enough to be read (WCAG AA: 4.5 to 1). antd mixes others from these,
 * and in the dark takes 15 % of each away first; the backgrounds that it would mix from the darker ones are said here.
 */
export const themeOf = (dark: boolean): ThemeConfig => ({
  // Its styles come from antd's own file. Made in the browser, each page would be a quarter of a second later.
  zeroRuntime: true,
  algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
  token: {
    // Not by a rule in CSS for everything: what is placed by measuring would be measured on its way.
    motion: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    ...(dark
      ? {
          colorPrimary: '#3c89e8',
          colorLink: '#6cb1ff',
          colorInfo: '#69b1ff',
          colorError: '#ff7875',
          colorSuccess: '#73d13d',
          colorWarning: '#ffc53d',
          colorTextSecondary: 'rgba(255, 255, 255, 0.72)',
          colorTextTertiary: 'rgba(255, 255, 255, 0.65)',
          colorTextDescription: 'rgba(255, 255, 255, 0.68)',
          colorTextPlaceholder: 'rgba(255, 255, 255, 0.6)',
          colorTextDisabled: 'rgba(255, 255, 255, 0.5)',
        }
      : {
          colorPrimary: '#0958d9',
          colorLink: '#0958d9',
          colorPrimaryHover: '#1765d8',
          colorLinkHover: '#1765d8',
          colorInfo: '#0958d9',
          colorInfoBg: '#e6f4ff',
          colorInfoBorder: '#91caff',
          colorError: '#cf1322',
          colorErrorBg: '#fff1f0',
          colorErrorBorder: '#ffa39e',
          colorSuccess: '#237804',
          colorSuccessBg: '#f6ffed',
          colorSuccessBorder: '#b7eb8f',
          colorWarning: '#ad4e00',
          colorWarningBg: '#fffbe6',
          colorWarningBorder: '#ffe58f',
          colorTextSecondary: 'rgba(0, 0, 0, 0.68)',
          colorTextTertiary: 'rgba(0, 0, 0, 0.62)',
          colorTextDescription: 'rgba(0, 0, 0, 0.65)',
          colorTextPlaceholder: 'rgba(0, 0, 0, 0.6)',
          colorTextDisabled: 'rgba(0, 0, 0, 0.5)',
        }),
  },
  components: {
    Menu: dark ? { itemSelectedColor: '#a9d1ff' } : {},
    Progress: dark ? {} : { defaultColor: '#0958d9' },
  },
});

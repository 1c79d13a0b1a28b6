import { useTranslation } from 'react-i18next';
import { PAGE_FAULT } from '../i18n/service.ts';

interface Props {
  readonly code: string;
  readonly children: React.ReactNode;
  /** Where what is shown does not say where it leads. */
  readonly named?: boolean;
}

/** To what the documentation says of a code. The page's own fault is not in it: then there is nothing to follow. */
export function HelpLink({ code, children, named = false }: Props) {
  const { t } = useTranslation();
  if (code === PAGE_FAULT) return named ? children : null;
  return (
    <a
      className="in-text"
      href={`/docs/troubleshooting#${code}`}
      target="_blank"
      rel="noreferrer"
      {...(named && { 'aria-label': `${t('common.problem.more')}: ${code}` })}
    >
      {children}
    </a>
  );
}

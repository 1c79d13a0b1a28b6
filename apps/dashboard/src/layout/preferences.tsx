import { createContext, useContext, useEffect, useMemo, useState } from 'react';
import { stored, store } from '../common/local.ts';

export type Appearance = 'system' | 'light' | 'dark';

interface Preferences {
  readonly appearance: Appearance;
  readonly dark: boolean;
  readonly setAppearance: (appearance: Appearance) => void;
}

const Context = createContext<Preferences | null>(null);
const SYSTEM_IS_DARK = '(prefers-color-scheme: dark)';

const known = (text: string | null): Appearance => (text === 'light' || text === 'dark' ? text : 'system');

export function PreferencesProvider({ children }: { children: React.ReactNode }) {
  const [appearance, setAppearance] = useState<Appearance>(() => known(stored('appearance')));
  const [systemIsDark, setSystemIsDark] = useState(() => matchMedia(SYSTEM_IS_DARK).matches);

  useEffect(() => {
    const system = matchMedia(SYSTEM_IS_DARK);
    const follow = (): void => setSystemIsDark(system.matches);
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, []);

  const dark = appearance === 'system' ? systemIsDark : appearance === 'dark';
  useEffect(() => {
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
  }, [dark]);

  const value = useMemo<Preferences>(
    () => ({
      appearance,
      dark,
      setAppearance: (next) => {
        store('appearance', next);
        setAppearance(next);
      },
    }),
    [appearance, dark],
  );
  return <Context value={value}>{children}</Context>;
}

export function usePreferences(): Preferences {
  const preferences = useContext(Context);
  if (!preferences) throw new Error('outside of PreferencesProvider');
  return preferences;
}

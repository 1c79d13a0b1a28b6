import { useEffect, useRef, useState } from 'react';

/**
 * A text that is being typed, told on when the typing pauses. What comes from elsewhere, such as the way back, replaces it.
 *
 * @returns the text, and what to call with another one
 */
export function useDebounced(
  outer: string,
  onPause: (text: string) => void,
  pauseMs = 300,
): readonly [string, (text: string) => void] {
  const [text, setText] = useState(outer);
  const told = useRef(outer);
  const tell = useRef(onPause);
  useEffect(() => {
    tell.current = onPause;
  });
  useEffect(() => {
    if (outer === told.current) return;
    told.current = outer;
    setText(outer);
  }, [outer]);
  useEffect(() => {
    if (text === told.current) return;
    const timer = setTimeout(() => {
      told.current = text;
      tell.current(text);
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [text, pauseMs]);
  return [text, setText];
}

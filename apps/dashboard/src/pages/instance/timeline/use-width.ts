import { useLayoutEffect, useState } from 'react';
import type { RefObject } from 'react';

/** Of an element, as it changes; pixels. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const target = element.current;
    if (!target) return;
    const look = (): void => setWidth(Math.max(200, target.clientWidth));
    look();
    const observer = new ResizeObserver(look);
    observer.observe(target);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

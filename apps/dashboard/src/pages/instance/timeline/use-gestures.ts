import { useEffect, useRef, useState } from 'react';
import type { RefObject } from 'react';
import type { Timeline } from './use-timeline.ts';
import { between, lengthOf, moved, timeAt, zoomed } from './scale.ts';

/** A press that moves less is a click. Pixels. */
const CLICK_PX = 5;

export interface Brush {
  readonly from: number;
  readonly to: number;
}

interface Gestures {
  /** What is being marked with the mouse; pixels. */
  readonly brush: Brush | null;
}

/**
 * Wheel and two fingers zoom, one finger and the sideways wheel move, the mouse marks what to zoom to; a click or a touch
 * is told on.
 */
export function useGestures(
  element: RefObject<HTMLElement | null>,
  { change }: Pick<Timeline, 'change'>,
  width: number,
  onClick: (x: number, y: number) => void,
): Gestures {
  const [brush, setBrush] = useState<Brush | null>(null);
  const clicked = useRef(onClick);
  useEffect(() => {
    clicked.current = onClick;
  });

  useEffect(() => {
    const target = element.current;
    if (!target) return;
    /** Fingers, or the mouse, that are down: where they began and where they are. */
    const down = new Map<number, { startX: number; startY: number; x: number }>();
    let marking: Brush | null = null;
    let wandered = false;
    const at = (event: PointerEvent | WheelEvent): { x: number; y: number } => {
      const box = target.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const mark = (next: Brush | null): void => {
      marking = next;
      setBrush(next);
    };

    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { x } = at(event);
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey) {
        change((span, limits) => moved(span, (sideways / width) * lengthOf(span), limits));
      } else {
        const factor = 2 ** (Math.max(-120, Math.min(120, event.deltaY)) / 160);
        change((span, limits) => zoomed(span, factor, timeAt(x, span, width), limits));
      }
    };
    const press = (event: PointerEvent): void => {
      if (event.pointerType === 'mouse' && event.button !== 0) return;
      const { x, y } = at(event);
      if (down.size === 0) wandered = false;
      down.set(event.pointerId, { startX: x, startY: y, x });
      target.setPointerCapture(event.pointerId);
      if (down.size > 1) mark(null);
    };
    const move = (event: PointerEvent): void => {
      const finger = down.get(event.pointerId);
      if (!finger) return;
      const { x } = at(event);
      const before = [...down.values()].map((one) => one.x);
      const last = finger.x;
      finger.x = x;
      if (Math.abs(x - finger.startX) > CLICK_PX) wandered = true;
      if (down.size === 2)
        pinch(
          before,
          [...down.values()].map((one) => one.x),
        );
      else if (event.pointerType !== 'mouse') {
        if (wandered) change((span, limits) => moved(span, (-(x - last) / width) * lengthOf(span), limits));
      } else if (wandered) mark({ from: finger.startX, to: x });
    };
    const pinch = (before: readonly number[], now: readonly number[]): void => {
      const [a = 0, b = 0] = before;
      const [c = 0, d = 0] = now;
      const factor = Math.max(Math.abs(a - b), 10) / Math.max(Math.abs(c - d), 10);
      const [middle, was] = [(c + d) / 2, (a + b) / 2];
      change((span, limits) => {
        const shifted = moved(span, (-(middle - was) / width) * lengthOf(span), limits);
        return zoomed(shifted, factor, timeAt(middle, shifted, width), limits);
      });
    };
    const release = (event: PointerEvent): void => {
      const finger = down.get(event.pointerId);
      down.delete(event.pointerId);
      if (!finger || down.size > 0) return;
      const marked = marking;
      mark(null);
      if (marked) {
        change((span, limits) => between(timeAt(marked.from, span, width), timeAt(marked.to, span, width), limits));
      } else if (!wandered) clicked.current(finger.startX, finger.startY);
    };
    const cancel = (event: PointerEvent): void => {
      down.delete(event.pointerId);
      mark(null);
    };

    // Not by React, which may not keep the page from scrolling.
    target.addEventListener('wheel', wheel, { passive: false });
    target.addEventListener('pointerdown', press);
    target.addEventListener('pointermove', move);
    target.addEventListener('pointerup', release);
    target.addEventListener('pointercancel', cancel);
    return () => {
      target.removeEventListener('wheel', wheel);
      target.removeEventListener('pointerdown', press);
      target.removeEventListener('pointermove', move);
      target.removeEventListener('pointerup', release);
      target.removeEventListener('pointercancel', cancel);
    };
  }, [element, change, width]);
  return { brush };
}

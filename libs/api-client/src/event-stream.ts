/** One server-sent event. */
export interface StreamEvent {
  /** `message` where the server named none. */
  readonly type: string;
  readonly data: string;
}

/** No event is longer than this; what is comes from something else than our API. Characters. */
const MAX_PENDING = 1_048_576;

/**
 * Cuts a body into events as the WHATWG "event stream" format says. A comment is given out as an event of type
 * `comment` too: it tells that the other end lives.
 */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = '';
  let type = '';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return; // what is pending now was cut off and is no event
      pending += decoder.decode(value, { stream: true });
      if (pending.length > MAX_PENDING) throw new Error('an event without an end');
      for (let line = nextLine(pending); line !== null; line = nextLine(pending)) {
        pending = line.rest;
        if (line.text === '') {
          if (data.length > 0) yield { type: type || 'message', data: data.join('\n') };
          type = '';
          data = [];
          continue;
        }
        const [, field, content] = /^([^:]*):? ?(.*)$/su.exec(line.text) ?? [];
        if (field === '') yield { type: 'comment', data: content ?? '' };
        else if (field === 'event') type = content ?? '';
        else if (field === 'data') data.push(content ?? '');
      }
    }
  } finally {
    // Lets the connection go when the reader of events stops early; a stream that broke has nothing to cancel.
    await reader.cancel().catch(() => undefined);
  }
}

/** A carriage return at the very end may be half of a line's end: it waits for what follows. */
function nextLine(text: string): { text: string; rest: string } | null {
  const end = /\r\n|\n|\r(?!$)/u.exec(text);
  return end ? { text: text.slice(0, end.index), rest: text.slice(end.index + end[0].length) } : null;
}

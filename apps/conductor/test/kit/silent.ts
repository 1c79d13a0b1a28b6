const nothing = (): void => undefined;

export const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };

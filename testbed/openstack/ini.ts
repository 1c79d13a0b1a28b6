// Configuration files in the form that oslo.config and uWSGI read.

export type Ini = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

export const renderIni = (sections: Ini): string =>
  Object.entries(sections)
    .map(([name, settings]) => {
      const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
      return [`[${name}]`, ...lines, ''].join('\n');
    })
    .join('\n');

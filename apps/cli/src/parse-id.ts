import { HostNameSchema, ProjectIdSchema } from '@varve/contracts';
import { InvalidArgumentError } from 'commander';
import type { z } from 'zod';

const parser =
  <Schema extends z.ZodType>(schema: Schema, what: string) =>
  (text: string): z.output<Schema> => {
    const parsed = schema.safeParse(text);
    if (!parsed.success) throw new InvalidArgumentError(`${what}.`);
    return parsed.data;
  };

export const parseHost = parser(HostNameSchema, 'the name of a host');
export const parseProject = parser(ProjectIdSchema, 'the id of a project');

import { admin } from './admin.ts';
import { common } from './common.ts';
import { instance } from './instance.ts';
import { instances } from './instances.ts';
import { operations } from './operations.ts';
import { overview } from './overview.ts';
import { session } from './session.ts';

export const en = { common, session, overview, instances, instance, operations, admin } as const;

import type { Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import type { Reflector } from '@nestjs/core';
import { MetadataScanner } from '@nestjs/core';
import { IS_PUBLIC, NEEDED_ROLE } from '../http/caller.js';
import type { Need } from '../http/caller.js';

/** What a route is called in the policy and in the audit log: `snapshots:create`, `snapshots:restore_points`. */
export function actionOf(controller: { name: string }, method: string): string {
  const what = controller.name.replace(/Controller$/, '');
  return `${snake(what)}:${snake(method)}`;
}

const snake = (name: string): string => name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();

/** Every action that needs a token, and the role that it needs unless the policy says otherwise. */
export function actionsOf(controllers: readonly Type[], reflector: Reflector): Map<string, Need> {
  const actions = new Map<string, Need>();
  const scanner = new MetadataScanner();
  for (const controller of controllers) {
    const methods = controller.prototype as Record<string, (...args: never[]) => unknown>;
    for (const name of scanner.getAllMethodNames(methods)) {
      const handler = methods[name];
      if (!handler || Reflect.getMetadata(PATH_METADATA, handler) === undefined) continue;
      const of = [handler, controller];
      if (reflector.getAllAndOverride<boolean | undefined>(IS_PUBLIC, of)) continue;
      actions.set(
        actionOf(controller, name),
        reflector.getAllAndOverride<Need | undefined>(NEEDED_ROLE, of) ?? 'reader',
      );
    }
  }
  return actions;
}

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * Every code that a user or an operator may meet, found where it is written: the errors' classes, the problems that are
 * made by hand, and those that the API gives a status of its own.
 */
export function errorCodes(): Set<string> {
  const files = ['apps', 'libs'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /^[\w-]+\/src\/.*\.ts$/.test(file) && !/\.(spec|suite)\.ts$|\/testing\//.test(file))
      .map((file) => join(ROOT, folder, file)),
  );
  const codes = new Set<string>();
  for (const file of files) {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext, true);
    const visit = (node: ts.Node): void => {
      for (const code of codesAt(node)) codes.add(code);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return codes;
}

function codesAt(node: ts.Node): string[] {
  // class … extends …Error { readonly code = 'x' }, or constructor(readonly code: 'x' | 'y')
  if (ts.isPropertyDeclaration(node) && isNamed(node, 'code') && isError(node.parent)) {
    return [...literalsOf(node.initializer), ...literalsOf(node.type)];
  }
  if (ts.isParameter(node) && isNamed(node, 'code') && isError(node.parent.parent)) return literalsOf(node.type);
  // { code: 'x', remedy: … }
  if (ts.isPropertyAssignment(node) && isNamed(node, 'code') && ts.isObjectLiteralExpression(node.parent)) {
    return node.parent.properties.some((one) => isNamed(one, 'remedy')) ? literalsOf(node.initializer) : [];
  }
  // const BY_CODE: … = { x: 404 }
  if (ts.isVariableDeclaration(node) && isNamed(node, 'BY_CODE') && node.initializer) {
    const { initializer } = node;
    return ts.isObjectLiteralExpression(initializer)
      ? initializer.properties.map((one) => one.name?.getText() ?? '')
      : [];
  }
  return [];
}

const isNamed = (node: ts.NamedDeclaration, name: string): boolean => node.name?.getText() === name;

const isError = (node: ts.Node): boolean =>
  ts.isClassLike(node) && (node.heritageClauses ?? []).some((clause) => /Error\b/.test(clause.getText()));

function literalsOf(node: ts.Node | undefined): string[] {
  if (!node) return [];
  if (ts.isStringLiteral(node)) return [node.text];
  if (ts.isLiteralTypeNode(node)) return literalsOf(node.literal);
  if (ts.isUnionTypeNode(node)) return node.types.flatMap(literalsOf);
  return ts.isConditionalExpression(node) ? [...literalsOf(node.whenTrue), ...literalsOf(node.whenFalse)] : [];
}

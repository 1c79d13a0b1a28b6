import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '..');

/**
 * Every name that a step of a procedure may have in a journal, as the compiler knows them.
 *
 * @throws where a name is put together so that only a run would tell it
 */
export function stepNames(): Set<string> {
  const folder = join(ROOT, 'libs/procedures/src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.spec\.ts$|^testing\//.test(file))
    .map((file) => join(folder, file));
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)).config,
    ts.sys,
    ROOT,
  );
  const program = ts.createProgram(files, { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  const names = new Set<string>();
  for (const file of files) {
    const source = program.getSourceFile(file);
    if (!source) throw new Error(`${file} is not there`);
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && node.expression.getText().endsWith('.step')) {
        for (const name of namesOf(node, checker)) names.add(name);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return names;
}

function namesOf({ arguments: [name] }: ts.CallExpression, checker: ts.TypeChecker): string[] {
  const type = name && checker.getTypeAtLocation(name);
  const types = type?.isUnion() ? type.types : [type];
  return types.map((one) => {
    if (one?.isStringLiteral()) return one.value;
    throw new Error(`The name of a step, ${name?.getText() ?? 'none'}, can't be told without running it`);
  });
}

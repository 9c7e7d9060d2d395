import { UsageError } from '../errors/families.ts';

/** As much of a command as its place among the others takes. */
type Group = { readonly commands: readonly Named[] };
type Named = Group & { readonly name: () => string; readonly aliases: () => readonly string[] };

/**
 * `build` is the default, so commander would hand it every unknown verb as a surplus argument; and of the few commands of a
 * group it suggests one that is nothing like the word. Throws UsageError (USAGE), which names the place of a command that
 * stands in another group: `trust` is `keys trust`.
 */
export function requireVerb(args: readonly string[], program: Group): void {
  const path: string[] = [];
  let group: Group = program;
  for (const word of args) {
    if (group.commands.length === 0 || word.startsWith('-') || word === 'help') return;
    const command = group.commands.find((each) => namesOf(each).includes(word));
    if (command === undefined) throw unknownVerb([...path, word], group, program);
    path.push(word);
    group = command;
  }
}

function unknownVerb(words: readonly string[], group: Group, program: Group): UsageError {
  const wanted = words.at(-1) ?? '';
  const [meant] = pathsOf(program).filter((path) => path.at(-1) === wanted);
  const before = words.slice(0, -1);
  const verbs = group.commands.map((command) => [...before, command.name()].join(' '));
  return new UsageError('USAGE', `there is no command '${words.join(' ')}'`, {
    hint:
      meant === undefined
        ? `Commands: ${[...verbs, ...(before.length === 0 ? ['help'] : [])].join(', ')}.`
        : `There is: ota-build ${meant.join(' ')}`,
  });
}

/** Every command below a group, as the words that call it. */
function pathsOf({ commands }: Group): readonly (readonly string[])[] {
  return commands.flatMap((command) =>
    namesOf(command).flatMap((name) => [
      [name],
      ...pathsOf(command).map((path) => [name, ...path]),
    ]),
  );
}

function namesOf(command: Named): readonly string[] {
  return [command.name(), ...command.aliases()];
}

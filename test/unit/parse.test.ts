// parse - command lines against the table of options, and the table against itself.
import t from 'tap'
import { parseCommandLine, type Arguments } from '../../src/cli/parse.js'
import { commands, ioModes } from '../../src/config/options.js'

function args(...argv: string[]): Arguments {
  const invocation = parseCommandLine(argv)
  if (invocation.kind !== 'run') throw new Error(`${invocation.kind}, not run`)
  return invocation.args
}

t.test('options stand anywhere, in every form', (t) => {
  const parsed = args('mount', '--io', 'cached', 'a', '-f', 'b', '--threads=2', '--no-allow-other', 'c')
  t.strictSame(parsed.positionals, ['a', 'b', 'c'])
  t.equal(parsed.choice('io', ioModes), 'cached')
  t.equal(parsed.flag('foreground'), true)
  t.equal(parsed.integer('threads'), 2)
  t.equal(parsed.flag('allow-other'), false)
  t.equal(parsed.flag('volatile'), undefined)
  t.equal(parsed.text('log'), undefined)
  t.end()
})

t.test('behind -- everything is a positional', (t) => {
  t.strictSame(args('mount', '--', '-a', '--io').positionals, ['-a', '--io'])
  t.end()
})

t.test('the last of a repeated option counts', (t) => {
  t.equal(args('mount', 'a', 'b', '--dev', '--no-dev').flag('dev'), false)
  t.equal(args('mount', 'a', 'b', '--io=cached', '--io=auto').text('io'), 'auto')
  t.end()
})

t.test('a value may hold an equals sign', (t) => {
  t.equal(args('mount', 'a', 'b', '--log=x=y').text('log'), 'x=y')
  t.end()
})

t.test('help wins over what is missing', (t) => {
  t.equal(parseCommandLine(['mount', '-h']).kind, 'help')
  t.equal(parseCommandLine(['--help']).kind, 'help')
  t.equal(parseCommandLine(['-V']).kind, 'version')
  t.end()
})

t.test('the table is consistent', (t) => {
  for (const command of commands) {
    const names = command.options.flatMap((option) => [option.name, ...(option.short === undefined ? [] : [option.short])])
    t.equal(new Set(names).size, names.length, `${command.name} names each option once`)
    for (const option of command.options) {
      t.equal(option.type === 'choice', option.choices !== undefined, `${option.name} has choices when it needs them`)
      t.ok(option.help.endsWith('.'), `${option.name} is described by a sentence`)
      if (option.negatable === true) t.equal(option.type, 'flag')
    }
    t.ok(command.usage.every((usage) => usage.startsWith(`unionfs ${command.name}`)))
  }
  t.end()
})

// words - names of files in messages and commands.
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { printable, printableLines, shellWord } from '../../src/words.js'

const names = ['/plain/a-b_c.d', '/with space', "/it's", '/"quoted"', '/$HOME`id`', '/a\\b', '/new\nline', '/esc\u001b[2J', "/both'\n\\x", '/bidi\u202etxt', '/c1\u009b2J', '/ünïcode/日本', '/*?[a]', '/~;&|<>()', '/x\\:y']

t.test('a path in a command is one word for a shell, whatever is in it, and nothing in it reaches the terminal raw', (t) => {
  for (const name of names) {
    const word = shellWord(name)
    t.equal(spawnSync('bash', ['-c', `printf %s ${word}`], { encoding: 'utf8', env: { LC_ALL: 'C.UTF-8', PATH: process.env['PATH'] } }).stdout, name, word)
    t.equal(printable(word), word)
  }
  t.equal(shellWord('/plain/a-b_c.d'), '/plain/a-b_c.d', 'what needs no quotes gets none')
  t.equal(shellWord('/with space'), "'/with space'")
  t.end()
})

t.test('control characters are escaped, so that a name cannot speak to the terminal; letters stay', (t) => {
  t.equal(printable('a\u001b[31mb\r\n\u007f\u009b\u202ec'), 'a\\u001b[31mb\\u000d\\n\\u007f\\u009b\\u202ec')
  t.equal(printable('ünïcode 日本 "x" \\'), 'ünïcode 日本 "x" \\')
  t.equal(printableLines('a\nb\u001bc'), 'a\nb\\u001bc')
  const json = JSON.stringify({ path: 'a\u009b\u007f\u001b\n' }, null, 2)
  t.strictSame(JSON.parse(printableLines(json)), JSON.parse(json), 'JSON says the same as before')
  t.end()
})

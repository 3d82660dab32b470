// usage - what the command says when it is asked for help or asked wrongly.
import t from 'tap'
import { commands } from '../../src/config/options.js'
import { command, run, unionfs } from './support.js'

const wrong: readonly [args: readonly string[], says: RegExp][] = [
  [[], /no command is given/],
  [['frobnicate'], /unknown command "frobnicate"/],
  [['moutn'], /unknown command "moutn" \(mount\?\)/],
  [['--frobnicate'], /unknown option --frobnicate/],
  [['--versio'], /unknown option --versio \(--version\?\)/],
  [['mount'], /LOWER and MOUNTPOINT are missing/],
  [['mount', '/a'], /MOUNTPOINT is missing/],
  [['mount', '/a', '', '/b'], /argument 2 is empty/],
  [['umount', ''], /argument 1 is empty/],
  [['mount', '-o', 'ro', '/a', '/b'], /unknown option -o; leave UPPER out for a read-only mount/],
  [['mount', '-o', 'lowerdir=/a,upperdir=/b', '/c'], /lowers are the first argument/],
  [['mount', '/a', '/b', '/c', '/d'], /"\/d" is one argument too many/],
  [['mount', '/a', '/b', '--volatil'], /unknown option --volatil \(--volatile\?\)/],
  [['mount', '/a', '/b', '--io=fast'], /--io is one of auto, cached, passthrough, not "fast"/],
  [['mount', '/a', '/b', '--threads', '0'], /--threads is a number from 1 to 64, not "0"/],
  [['mount', '/a', '/b', '--threads=many'], /--threads is a number/],
  [['mount', '/a', '/b', '--log'], /--log needs a value/],
  [['mount', '/a', '/b', '--log', '-f'], /--log needs a value/],
  [['mount', '/a', '/b', '--volatile=yes'], /--volatile takes no value/],
  [['mount', '/a', '/b', '--workdir', '/w'], /--workdir belongs to a mount with an UPPER/],
  [['mount', '/a', '/b', '--volatile'], /--volatile belongs to a mount with an UPPER/],
  [['mount', '/a:', '/b'], /an empty layer name/],
  [['mount', '/a\\b', '/b'], /a backslash/],
  [['mount', Array.from({ length: 501 }, (_, i) => `/l${i}`).join(':'), '/b'], /501 lower layers are given; at most 500/],
  [['umount'], /MOUNTPOINT is missing/],
  [['status', '/a', '/b'], /one argument too many/],
  [['help', 'frobnicate'], /unknown command/],
]

for (const [args, says] of wrong) {
  const shown = args.join(' ')
  t.test(`a usage error exits 2 with one line: unionfs ${shown.length > 60 ? `${shown.slice(0, 60)}...` : shown}`, (t) => {
    const result = unionfs(args)
    t.equal(result.status, 2)
    t.match(result.stderr, says)
    t.match(result.stderr, /^unionfs: .+; .+\n$/, 'it says what to do')
    t.equal(result.stderr.trimEnd().split('\n').length, 1)
    t.equal(result.stdout, '')
    t.end()
  })
}

// Given as a shell reads them: node can pass no such bytes on.
const noText: readonly [bytes: string, shown: string][] = [
  ['/tmp/a\\377b', "$'/tmp/a\\377b'"],
  ["/tmp/it\\047s\\033[2J\\200", "$'/tmp/it\\'s\\033[2J\\200'"],
  ['/tmp/\\303', "$'/tmp/\\303'"], // cut off
  ['/tmp/\\300\\257', "$'/tmp/\\300\\257'"], // overlong
  ['/tmp/\\355\\240\\200', "$'/tmp/\\355\\240\\200'"], // a surrogate
  ['/tmp/\\364\\220\\200\\200', "$'/tmp/\\364\\220\\200\\200'"], // beyond Unicode
]

for (const [bytes, shown] of noText) {
  t.test(`an argument that is not UTF-8 is refused by its bytes, not as another name: ${bytes}`, (t) => {
    for (const words of ['mount "$x" /tmp', 'mount -f /tmp "$x"', 'seal "$x"', 'status "$x"', 'mount /tmp/a /tmp --log "$x"']) {
      const result = run('sh', ['-c', `x=$(printf '${bytes}'); exec "$0" ${words}`, command])
      t.equal(result.status, 2, words)
      t.match(result.stderr, /^unionfs: .+ is not UTF-8; .+rename it.+\n$/)
      t.ok(result.stderr.startsWith(`unionfs: ${shown} is not UTF-8;`), result.stderr)
      t.equal(result.stdout, '')
    }
    t.end()
  })
}

t.test('as a mount program, what is not UTF-8 is refused with exit status 1', (t) => {
  const result = run('sh', ['-c', `exec "$0" /tmp -o "lowerdir=$(printf '/tmp/\\377')"`, command])
  t.equal(result.status, 1)
  t.equal(result.stderr.split(';')[0], "unionfs: $'lowerdir=/tmp/\\377' is not UTF-8")
  t.end()
})

t.test('names in UTF-8, whatever the language, are taken as they are', (t) => {
  for (const name of ['/nowhere/\u00e4', '/nowhere/\u20ac\ud7ff\ue000', '/nowhere/\u{10000}\u{10ffff}']) {
    const result = unionfs(['mount', name, '/nowhere'])
    t.equal(result.status, 1)
    t.ok(result.stderr.includes(`lower (${name}): does not exist`), result.stderr)
  }
  t.end()
})

t.test('--version names the version of package.json', (t) => {
  const result = unionfs(['--version'])
  t.equal(result.status, 0)
  t.match(result.stdout, /^unionfs \d+\.\d+\.\d+\n$/)
  t.end()
})

t.test('certificates meant for other programs of node are not read', (t) => {
  const result = unionfs(['--version'], { env: { ...process.env, NODE_EXTRA_CA_CERTS: '/nonexistent' } })
  t.equal(result.status, 0)
  t.equal(result.stderr, '', 'node warns of certificates it cannot read')
  t.end()
})

t.test('--help names every command', (t) => {
  const result = unionfs(['--help'])
  t.equal(result.status, 0)
  for (const command of commands) t.match(result.stdout, new RegExp(`^  ${command.name} `, 'm'))
  t.end()
})

for (const command of commands) {
  t.test(`help of ${command.name} names every option, however it is asked for`, (t) => {
    const asked = unionfs([command.name, '--help'])
    t.equal(asked.status, 0)
    for (const option of command.options) t.ok(asked.stdout.includes(option.name), option.name)
    t.equal(unionfs(['help', command.name]).stdout, asked.stdout)
    t.end()
  })
}

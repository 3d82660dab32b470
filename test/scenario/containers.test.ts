// containers - podman and buildah with the command as their mount program, as root and as an ordinary user.
// test-timeout: 240
//
// Each flow runs in namespaces of its own on a private store; its script prints a line for each thing it checked.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const enter = fileURLToPath(new URL('../../../scripts/containers/enter.sh', import.meta.url))
const programs = ['podman', 'buildah', 'crun', 'busybox', 'newuidmap']

const flows: readonly [user: 'root' | 'rootless', flow: string, what: string, env?: Record<string, string>][] = [
  ['root', 'flow-small.sh', 'images are built, run, changed, compared, committed, saved and loaded by root'],
  ['rootless', 'flow-small.sh', 'and by an ordinary user with subordinate ids'],
  ['root', 'flow-ids.sh', 'owners are shifted on the fly for --uidmap and --userns=auto'],
  ['rootless', 'flow-ids.sh', 'and for --userns=keep-id of an ordinary user'],
  ['root', 'flow-views.sh', 'read-only roots, overlaid volumes and directories, and a podman in a container'],
  ['rootless', 'flow-views.sh', 'and all of it but the last for an ordinary user'],
  ['root', 'flow-mask.sh', 'with force_mask owners, modes and types are in xattrs, for root', { UNIONFS_FORCE_MASK: '700' }],
  ['rootless', 'flow-mask.sh', 'and for an ordinary user', { UNIONFS_FORCE_MASK: '700' }],
]

function missing(): string | false {
  if (process.geteuid?.() !== 0) return 'namespaces and images need root'
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse'
  const path = (process.env['PATH'] ?? '').split(':')
  const absent = programs.filter((program) => !path.some((dir) => existsSync(join(dir, program))))
  return absent.length === 0 ? false : `${absent.join(', ')} is not installed (make test-deps)`
}

for (const [user, flow, what, more] of flows) {
  t.test(what, { skip: missing() }, (t) => {
    const ran = spawnSync('sh', [enter, 'unionfs', user, flow], { encoding: 'utf8', timeout: 200_000, env: { ...process.env, ...more, UNIONFS_CONTAINERS_LIMIT: '180' } })
    t.equal(ran.status, 0, `${flow} as ${user}`)
    t.match(ran.stdout, /^\d+ passed, 0 failed$/m)
    if (ran.status !== 0) t.comment(`${ran.stdout}${ran.stderr}`)
    t.end()
  })
}

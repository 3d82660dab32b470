// apt - `apt-get install` of package files into a Debian root file system, with the mount as its root. Root and packages
// are those that the container scenario keeps; without them the question is not asked. The root has no package lists, so
// apt can take nothing but the files it is given.
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { execute, hasProgram, Unavailable } from '../command.js'
import { repoRoot } from '../options.js'
import type { Question } from '../question.js'
import type { Site } from '../site.js'

const kCache = join(repoRoot, 'build', 'scenario')
const kRootTarball = join(kCache, 'bookworm-minbase.tar.zst')
const kSmallSet = /^(sqlite3|libsqlite3-0|libreadline8|readline-common)_/
const kCompilerSet =
  /^(gcc|cpp|binutils|lib(asan|atomic|binutils|cc1|ctf|gcc-12|gomp|gprofng|isl|itm|jansson|lsan|mpc|mpfr|quadmath|tsan|ubsan|c6-dev|c-dev|crypt-dev|nsl|tirpc)|linux-libc-dev|rpcsvc-proto)/
const kUnpackTimeoutMs = 120_000
const kApt = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', '-o', 'APT::Sandbox::User=root', '-o', 'Dpkg::Use-Pty=0']
const kEnvironment = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive']

export const apt: Question = {
  id: 'apt',
  group: 'life',
  title: 'apt-get install',
  weight: 13,
  maxRounds: 3,
  rows: ({ aptSet }) => [{ id: 'install', label: `apt-get install of ${aptSet === 'large' ? 'a C compiler' : 'SQLite'}`, unit: 'time' }],
  prepare({ sizes, materials }) {
    if (!existsSync(kRootTarball)) throw new Unavailable('no Debian root in build/scenario: run scripts/scenario/run once')
    if (!hasProgram('zstd')) throw new Unavailable('zstd is not installed')
    const packages = packageFiles(sizes.aptSet === 'large' ? /./ : kSmallSet, sizes.aptSet === 'large' ? kCompilerSet : kSmallSet)
    const lower = materials.make('apt', 'question', (dir) => {
      execute('tar', ['-C', dir, '--numeric-owner', '--xattrs', '--xattrs-include=*', '-xpf', kRootTarball], { timeoutMs: kUnpackTimeoutMs })
      mkdirSync(join(dir, 'packages'))
      for (const name of packages) copyFileSync(join(kCache, 'archives', name), join(dir, 'packages', name))
    })
    return (run) => {
      const site = run.mount({ lowers: [lower], writes: true })
      const inside = ['env', '-i', ...kEnvironment, ...kApt, ...packages.map((name) => `/packages/${name}`)]
      withKernelFiles(site, () => void run.step('install', () => run.command(['chroot', site.path, ...inside])))
    }
  },
}

function packageFiles(...patterns: readonly RegExp[]): string[] {
  const archives = join(kCache, 'archives')
  const names = existsSync(archives) ? readdirSync(archives).filter((name) => name.endsWith('.deb') && patterns.every((pattern) => pattern.test(name))) : []
  if (names.length === 0) throw new Unavailable('the packages are not in build/scenario/archives: run scripts/scenario/run once')
  return names.sort()
}

function withKernelFiles(site: Site, work: () => void): void {
  const mounts = [
    ['--bind', '/dev', join(site.path, 'dev')],
    ['-t', 'proc', 'proc', join(site.path, 'proc')],
  ]
  const made: string[] = []
  try {
    for (const mount of mounts) {
      execute('mount', mount)
      made.push(mount.at(-1) ?? '')
    }
    work()
  } finally {
    for (const path of made.reverse()) execute('umount', [path])
  }
}

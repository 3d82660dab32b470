// git - a repository in a lower: status on a fresh mount and again, checkout of a branch that changes every tenth file, clone.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, hasProgram, sleepMs, Unavailable } from '../command.js'
import { makeTree } from '../materials.js'
import type { Question } from '../question.js'

const kFileBytes = 700
const kChangedShare = 10
// git takes an entry as fresh as its index for possibly changed, and reads the file again.
const kPastTheIndexMs = 1100

export const git: Question = {
  id: 'git',
  group: 'life',
  title: 'git',
  weight: 14,
  rows: ({ gitFiles }) => [
    { id: 'status-first', label: `git status of ${gitFiles} files, fresh mount`, unit: 'time' },
    { id: 'status-second', label: 'git status, again', unit: 'time' },
    { id: 'checkout', label: `git checkout that changes ${Math.ceil(gitFiles / kChangedShare)} files`, unit: 'time' },
    { id: 'clone', label: `git clone of ${gitFiles} files`, unit: 'time' },
  ],
  prepare({ sizes, materials }) {
    if (!hasProgram('git')) throw new Unavailable('git is not installed')
    const lower = materials.make('git', 'question', (dir) => makeRepository(dir, sizes.gitFiles, sizes.gitDirs))
    const env = gitEnvironment(join(lower, 'home'))
    return (run) => {
      const site = run.mount({ lowers: [lower], writes: true })
      const repository = join(site.path, 'repository')
      const git = (...args: string[]): number => run.command(['git', ...args], { cwd: repository, env })
      // The index learns the inode numbers of this file system; what a fresh mount then shows must be the same.
      git('status', '--short')
      run.remount(site)
      run.step('status-first', () => git('status', '--short'))
      run.step('status-second', () => git('status', '--short'))
      run.step('checkout', () => git('checkout', '-q', 'other'))
      run.step('clone', () => git('clone', '-q', '--no-hardlinks', repository, join(site.path, 'clone')))
    }
  },
}

function gitEnvironment(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' }
}

function makeRepository(dir: string, files: number, dirs: number): void {
  const repository = join(dir, 'repository')
  const home = join(dir, 'home')
  mkdirSync(home)
  const settings = '[user]\nname = bench\nemail = bench@example.invalid\n[safe]\ndirectory = *\n[gc]\nauto = 0\n[init]\ndefaultBranch = main\n'
  writeFileSync(join(home, '.gitconfig'), settings)
  const git = (...args: string[]): string => execute('git', args, { cwd: repository, env: gitEnvironment(home) })
  makeTree(repository, { dirs, files, bytes: kFileBytes })
  git('init', '-q')
  git('add', '-A')
  git('commit', '-q', '-m', 'all files')
  git('checkout', '-q', '-b', 'other')
  const listed = git('ls-files').trimEnd().split('\n')
  for (const file of listed.filter((_, index) => index % kChangedShare === 0)) writeFileSync(join(repository, file), `changed ${file}\n`)
  git('commit', '-q', '-a', '-m', 'some files changed')
  git('checkout', '-q', 'main')
  sleepMs(kPastTheIndexMs)
  git('status', '--short')
}

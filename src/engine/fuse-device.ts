// fuse-device - why /dev/fuse cannot be opened, and what to do about it. Told by a failed mount and by `doctor`.
import { accessSync, constants, statSync, type Stats } from 'node:fs'
import { errnoOf } from '../errors.js'

export interface DeviceTrouble {
  readonly reason: string // "/dev/fuse cannot be opened (EACCES): its mode is 0600, its owner 0:0"
  readonly remedy: string
}

// Undefined when this user may open it, as far as its mode tells.
export function fuseDeviceTrouble(path = '/dev/fuse'): DeviceTrouble | undefined {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return explainDevice(path, errnoOf(error) ?? 'EIO')
  }
}

// `errno` is what opening it gave.
export function explainDevice(path: string, errno: string): DeviceTrouble {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return { reason: `${path} is missing`, remedy: 'as root: modprobe fuse; in a container, hand the device in (docker and podman: --device /dev/fuse)' }
  if (errno === 'EACCES') {
    return {
      reason: `${path} cannot be opened (EACCES): its mode is ${modeOf(stats)}, its owner ${stats.uid}:${stats.gid}`,
      remedy: `as root: chmod 0666 ${path}, and for good the udev rule KERNEL=="fuse", MODE="0666"`,
    }
  }
  if (errno === 'EPERM') return { reason: `${path} may not be opened here (EPERM)`, remedy: 'let the container have the device (docker and podman: --device /dev/fuse)' }
  return { reason: `${path} cannot be opened (${errno})`, remedy: 'as root: modprobe fuse' }
}

function modeOf(stats: Stats): string {
  return (stats.mode & 0o7777).toString(8).padStart(4, '0')
}

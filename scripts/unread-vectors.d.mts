export function complaints(files: readonly string[], read: readonly string[], listed: readonly string[]): string[];

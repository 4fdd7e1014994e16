/** Lines that contain the name but call something else. */
const OTHER_PROGRAM =
  /^\s*(?:- run: )?(?:sudo )?(?:chown|cp|curl|docker build|docker run|journalctl|mkdir|npm|systemctl|useradd) /;

/** A call of the program, however it is installed; the last one in a line counts. */
const CALL = /^(?:.*(?:[\s=]|\/usr\/bin\/|\.\/(?:\S*\/)?))?synckit-ota(?:@\S+|-[\d.]+\.tgz)? (.*)$/;

/** The words after `synckit-ota` of every call of it in a script, a workflow or a unit. */
export function callsIn(text: string): string[][] {
  const lines = text.replaceAll(/\\\n\s*/g, '').split('\n');
  return lines.flatMap((line) => {
    if (/^\s*#/.test(line) || OTHER_PROGRAM.test(line)) return [];
    const call = CALL.exec(line)?.[1];
    return call === undefined ? [] : [call.split(/\s+/)];
  });
}

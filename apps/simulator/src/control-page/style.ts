export const STYLE = `
:root { color-scheme: light dark; --green: #0b7a5c; --ink: #14211d; --dim: #5a6b65; --paper: #fff; --ground: #f0f2f0; --line: #d8dedb; --mine: #dcf5d3; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --green: #2fb98e; --ink: #e8efec; --dim: #9fb0aa; --paper: #17211e; --ground: #0e1513; --line: #2c3a35; --mine: #1d3b2a; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--ground); }
header { padding: 1.25rem 1rem .75rem; max-width: 68rem; margin: 0 auto; }
h1 { margin: 0; font-size: 1.6rem; color: var(--green); }
header p { margin: .15rem 0; color: var(--dim); }
main { max-width: 68rem; margin: 0 auto; padding: 0 1rem 5rem; display: grid; gap: 1rem; grid-template-columns: 1fr; }
@media (min-width: 46rem) { main { grid-template-columns: 1fr 1fr; } .wide { grid-column: 1 / -1; } }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem; min-width: 0; }
section.lively { border-color: var(--green); box-shadow: 0 0 0 3px color-mix(in srgb, var(--green) 25%, transparent); }
h2 { margin: 0 0 .5rem; font-size: 1.1rem; }
.hint, .dim { color: var(--dim); font-size: .9rem; margin: 0 0 .5rem; }
ul, ol { list-style: none; margin: 0 0 .75rem; padding: 0; }
li { padding: .5rem 0; border-top: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
li:first-child { border-top: 0; }
li .grow { flex: 1 1 10rem; min-width: 0; overflow-wrap: anywhere; }
li svg { width: 7.5rem; height: 7.5rem; background: #fff; border-radius: .5rem; flex: none; }
form { display: grid; gap: .6rem; margin-top: .5rem; }
label { display: grid; gap: .2rem; font-size: .9rem; color: var(--dim); }
input, select, textarea, button { font: inherit; color: var(--ink); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .6rem; background: var(--ground); width: 100%; min-width: 0; }
li select, li button { width: auto; }
button { background: var(--green); border-color: var(--green); color: #fff; font-weight: 600; cursor: pointer; min-height: 2.5rem; }
button.quiet { background: transparent; color: var(--green); }
:focus-visible { outline: 3px solid var(--green); outline-offset: 2px; }
summary { cursor: pointer; color: var(--green); padding: .25rem 0; }
.tag { font-size: .75rem; border: 1px solid var(--line); border-radius: 1rem; padding: .1rem .5rem; color: var(--dim); }
.tag.on { border-color: var(--green); color: var(--green); }
.tag.bad { border-color: var(--bad); color: var(--bad); }
#messages { max-height: 26rem; overflow: auto; }
#messages li { display: block; border: 0; background: var(--ground); border-radius: .6rem; padding: .5rem .7rem; margin-bottom: .4rem; max-width: 46rem; }
#messages li.out { background: var(--mine); margin-left: auto; }
#messages .who { font-size: .8rem; color: var(--dim); }
#messages .text { white-space: pre-wrap; overflow-wrap: anywhere; }
#notice { position: fixed; inset: auto 1rem 1rem; max-width: 40rem; margin: 0 auto; padding: .75rem 1rem; border-radius: .6rem; background: var(--ink); color: var(--paper); }
`;

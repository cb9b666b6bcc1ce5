/ One process of a database in q. kdb+ 4.0 or later, KDB-X.
/ usage: q tsg.q -config FILE [-role writer|reader|merge|search] [-listen PORT] [-upto GENERATION] [-records N] [-search NAME] [-s N] [-w MB] [-T S] -q </dev/null

/ The only uses of system [basics/syscmds]; what they get is made here, of paths and numbers of ours. Paths are quoted for the shell.
.tsg.scriptFile:string .z.f
.tsg.directory:neg[count last "/" vs .tsg.scriptFile]_.tsg.scriptFile               / with its slash; "" when started beside the file
.tsg.loadScript:{[name] system "l ",.tsg.directory,name;}
.tsg.shell:{[command] system command}                 / lines of its output; signals 'os when it fails
.tsg.listen:{[host;port] system "p ",host,":",port;}  / [basics/listening-port] without a host it would be every interface
.tsg.listening:{system "p"}
.tsg.startTimer:{[ms] system "t ",string ms;}
.tsg.quoted:{[path] "'",ssr[1_string path;"'";"'\\''"],"'"}

/ Starts a command and does not wait for it. It and all that it starts have the lock, which says that they live however they end; an error when another one
/ has it. They must not keep the port and the connections of this process open, which a child inherits. q puts > and a file behind the command [ref/system].
.tsg.startShell:{[lock;command;logFile]
  alone:"for each in /proc/self/fd/*; do each=${each##*/}; case $each in 0|1|2|9) ;; *) eval \"exec $each>&-\" ;; esac; done; ",command;
  system "( flock -n 9 && { bash -c '",ssr[alone;"'";"'\\''"],"' </dev/null >/dev/null 2>>",.tsg.quoted[logFile]," & } ) 9>>",.tsg.quoted lock;}
.tsg.isLocked:{[lock] @[{[lock] system "flock -n ",.tsg.quoted[lock]," true";0b};lock;1b]}

.tsg.loadScript each ("settings.q";"catalogue.q";"journal.q";"memory.q";"parts.q";"filters.q";"aggregates.q";"query.q";"asof.q";"deletion.q";"maintenance.q";"checkpoint.q";"searches.q";"backup.q";"access.q";"start.q");

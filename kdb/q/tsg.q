/ One process of a database in q. kdb+ 4.0 or later, KDB-X.
/ usage: q tsg.q -config FILE [-role writer|reader|merge] [-listen PORT] [-upto GENERATION] [-s N] [-w MB] [-T S] -q </dev/null

/ The only uses of system [basics/syscmds]; what they get is made here, of paths and numbers of ours. Paths are quoted for the shell.
.tsg.scriptFile:string .z.f
.tsg.directory:neg[count last "/" vs .tsg.scriptFile]_.tsg.scriptFile               / with its slash; "" when started beside the file
.tsg.loadScript:{[name] system "l ",.tsg.directory,name;}
.tsg.shell:{[command] system command}                 / lines of its output; signals 'os when it fails
.tsg.startShell:{[command;logFile] system "( (",command,") </dev/null >/dev/null 2>>",.tsg.quoted[logFile]," & )";}  / q puts > and a file behind it [ref/system]
.tsg.listen:{[host;port] system "p ",host,":",port;}  / [basics/listening-port] without a host it would be every interface
.tsg.listening:{system "p"}
.tsg.startTimer:{[ms] system "t ",string ms;}
.tsg.quoted:{[path] "'",ssr[1_string path;"'";"'\\''"],"'"}

.tsg.loadScript each ("settings.q";"catalogue.q";"journal.q";"memory.q";"parts.q";"filters.q";"aggregates.q";"query.q";"maintenance.q";"checkpoint.q";"backup.q";"access.q";"start.q");

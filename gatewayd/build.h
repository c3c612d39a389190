/* Which build this program is: what `git describe` said of the source, as audit entries name it. Any thread. */
#ifndef GATEWAYD_BUILD_H
#define GATEWAYD_BUILD_H

const char *build_name(void);

#endif

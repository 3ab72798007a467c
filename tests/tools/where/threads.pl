# Threads of Perl, each in a wait of its own.
use strict;
use warnings;
use threads;
use threads::shared;
my $lock :shared;
pipe(my $reader, my $writer);
threads->create(sub { lock($lock); cond_wait($lock); })->detach;
threads->create(sub { sleep 10000 })->detach;
threads->create(sub { my $line = <$reader>; })->detach;
my $line = <STDIN>;

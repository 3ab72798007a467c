# Answers a POST with the digest and the size of its body; 16 interpreter threads take the connections.
use strict;
use warnings;
use threads;
use threads::shared;
use Digest::SHA 'sha256_hex';
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my $WORKERS = 16;
my $served : shared = 0;
my $door    = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 512, ReuseAddr => 1)
    or die "listen: $!";

sub serve {
    my ($connection) = @_;
    setsockopt $connection, IPPROTO_TCP, TCP_NODELAY, 1;
    while (my $first = <$connection>) {
        my $length = 0;
        while (my $field = <$connection>) {
            last if $field eq "\r\n";
            $length = $1 if $field =~ /^content-length: *(\d+)/i;
        }
        my $body = '';
        read($connection, $body, $length) == $length or last if $length;
        my $answer = $first =~ /^GET/ ? 'hello' : sha256_hex($body) . " $length";
        print $connection "HTTP/1.1 200 OK\r\nContent-Length: ", length $answer, "\r\n\r\n$answer";
        $connection->flush;
        lock $served;
        $served++;
    }
}

sub work {
    while (my $connection = $door->accept) {
        serve($connection);
        close $connection;
    }
}

$SIG{TERM} = sub { exit($served > $WORKERS ? 5 : 6) };
threads->create(\&work)->detach for 1 .. $WORKERS;
select undef, undef, undef, 0.2 while 1;

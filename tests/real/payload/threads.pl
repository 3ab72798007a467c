% Threads of Prolog: parallel maps, a queue between producers and consumers, a lock, signals to threads. 16 more wait
% meanwhile for a message each.
:- initialization(main, main).
:- dynamic counted/1.

main([Text]) :-
    atom_number(Text, Rounds),
    length(Waiting, 16),
    maplist([Id]>>thread_create(wait_for(bye), Id), Waiting),
    numlist(1, Rounds, Numbers),
    concurrent_maplist([X, Y]>>(Y is X * X), Numbers, Squares),
    sum_list(Squares, SumOfSquares),
    queues(Rounds, Received),
    locks(Rounds, Counted),
    signals(Stopped),
    maplist([Id]>>thread_send_message(Id, bye), Waiting),
    maplist([Id]>>thread_join(Id, true), Waiting),
    Wanted = [Rounds * (Rounds + 1) * (2 * Rounds + 1) // 6, 8 * Rounds * (Rounds + 1) // 2, 16 * Rounds, 4],
    maplist([E, V]>>(V is E), Wanted, Values),
    (   Values == [SumOfSquares, Received, Counted, Stopped]
    ->  format("ok ~w~n", [Values]), halt(6)
    ;   format("wrong: ~w, not ~w~n", [[SumOfSquares, Received, Counted, Stopped], Values]), halt(1)
    ).

wait_for(Message) :-
    thread_get_message(Message).

% 8 producers, one queue of at most 10 messages, 4 consumers, each of which adds up what it gets.
queues(Rounds, Sum) :-
    message_queue_create(Queue, [max_size(10)]),
    Count is 2 * Rounds,
    length(Producers, 8),
    maplist([Id]>>thread_create(forall(between(1, Rounds, N), thread_send_message(Queue, N)), Id), Producers),
    length(Consumers, 4),
    maplist([Id]>>thread_create(add_up(Count, Queue), Id), Consumers),
    maplist(thread_join, Producers),
    maplist([Id, Part]>>thread_join(Id, exited(Part)), Consumers, Parts),
    message_queue_destroy(Queue),
    sum_list(Parts, Sum).

add_up(Count, Queue) :-
    findall(N, (between(1, Count, _), thread_get_message(Queue, N)), Ns),
    sum_list(Ns, Sum),
    thread_exit(Sum).

locks(Rounds, Counted) :-
    retractall(counted(_)),
    assertz(counted(0)),
    mutex_create(Lock),
    length(Threads, 16),
    maplist([Id]>>thread_create(forall(between(1, Rounds, _), with_mutex(Lock, increment)), Id), Threads),
    maplist(thread_join, Threads),
    counted(Counted).

increment :-
    retract(counted(N)),
    M is N + 1,
    assertz(counted(M)).

% A thread that computes for ever, and one that waits for a message that never comes, end by an exception from outside.
signals(Stopped) :-
    Goals = [(repeat, fail), thread_get_message(never), (repeat, fail), thread_get_message(never)],
    maplist([Goal, Id]>>thread_create(Goal, Id), Goals, Threads),
    maplist([Id]>>thread_signal(Id, throw(stop)), Threads),
    findall(x, (member(Id, Threads), thread_join(Id, Status), Status == exception(stop)), Ended),
    length(Ended, Stopped).

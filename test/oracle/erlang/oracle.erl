%% Plays scenarios on OTP: reads one `{Id, Steps}.` a line, prints what was observed, one line each, then `end Id`.
%%
%% A step is {Actor, Op, Args}. The actor does it and answers; then every signal that follows from it is waited
%% for. What is printed names processes and refs by their names in the scenario. See scenario.ts.
-module(oracle).
-export([main/0]).

-record(run, {pids = #{}, names = #{}, refs = #{}, labels = #{}, ends = #{}, order = [], lines = [],
              members = #{}, seen = #{}, verdicts = #{}, hanging = []}).

main() ->
    case io:read(standard_io, '') of
        {ok, {Id, Steps}} ->
            [io:format("~ts~n", [Line]) || Line <- run(Steps)],
            io:format("end ~w~n", [Id]),
            main();
        eof ->
            halt(0)
    end.

run(Steps) ->
    whereis(director) =:= self() orelse register(director, self()),
    First = spawn(oracle_actor, start, [a, []]),
    Run = lists:foldl(fun in_order/2, add_actor(a, First, #run{}), Steps),
    Last = lists:foldl(fun final/2, Run, Run#run.order),
    [exit(Pid, kill) || Pid <- maps:values(Last#run.pids)],
    [gone(Pid) || Pid <- maps:values(Last#run.pids) ++ maps:values(Last#run.members)],
    drain(),
    lists:reverse(Last#run.lines).

gone(Pid) ->
    exit(Pid, kill),
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, _, _, _} -> ok end.

drain() ->
    receive _ -> drain() after 0 -> ok end.

%% The line of a step stands before those of the members whose starts and ends follow from it.
in_order(Step, #run{lines = Before} = Run) ->
    #run{lines = After} = Next = step(Step, Run),
    {Members, Own} = lists:partition(fun is_of_member/1, lists:sublist(After, length(After) - length(Before))),
    Next#run{lines = Members ++ Own ++ Before}.

is_of_member(["  init " | _]) -> true;
is_of_member(["  terminate " | _]) -> true;
is_of_member(_) -> false.

%% What is left of an actor when all is done.
final(Name, Run) ->
    case state_of(Name, Run) of
        {ended, Reason} -> line([text(Name), " ended ", reason(Reason, Run)], Run);
        {alive, Pid} ->
            case is_actor(Pid) of
                true ->
                    {result, Mail, Next} = ask(Pid, mailbox, [], Run),
                    line([text(Name), " has ", render(Mail, Next)], Next);
                false ->
                    line([text(Name), " lives"], Run)
            end
    end.

step({director, plan, [Id, Verdicts]}, Run) ->
    Run#run{verdicts = maps:put(Id, Verdicts, Run#run.verdicts)};
step({director, hang, [Id]}, Run) ->
    Run#run{hanging = [Id | Run#run.hanging]};
step({director, end_child, [Id, Reason]}, Run) ->
    Pid = maps:get(Id, Run#run.members),
    Pid ! {end_with, Reason},
    settle(line(["end ", text(Id), " ", text(Reason)], await_down(Pid, Run)));
step({Actor, Op, Args}, Run) ->
    case {state_of(Actor, Run), resolve(Args, Run)} of
        {{alive, Pid}, {ok, Resolved}} ->
            Said = [text(Actor), " ", text(Op), [[" ", argument(Arg)] || Arg <- Args]],
            case ask(Pid, Op, Resolved, Run) of
                {result, Result, Next} ->
                    Settled = settle(note(Result, Next)),
                    line([Said, " -> ", result(Actor, Result, Settled)], Settled);
                {ended, Next} ->
                    line([Said, " -> it ends"], settle(Next))
            end;
        _ ->
            Run
    end.

result(Actor, Result, Run) ->
    case state_of(Actor, Run) of
        {ended, _} -> "it ends";
        {alive, _} -> render(Result, Run)
    end.

state_of(Name, #run{pids = Pids, ends = Ends}) ->
    case Pids of
        #{Name := Pid} ->
            case Ends of
                #{Pid := Reason} -> {ended, Reason};
                _ -> {alive, Pid}
            end;
        _ -> unknown
    end.

resolve(Args, Run) ->
    try {ok, [resolve_one(Arg, Run) || Arg <- Args]} catch throw:unknown -> unknown end.

resolve_one({p, Name}, #run{pids = Pids}) -> maps:get(Name, Pids, unknown_pid(Name, Pids));
resolve_one({r, Label}, #run{refs = Refs}) ->
    case Refs of #{Label := Ref} -> Ref; _ -> throw(unknown) end;
resolve_one({child, Id}, #run{members = Members}) -> maps:get(Id, Members);
resolve_one(List, Run) when is_list(List) -> [resolve_one(Item, Run) || Item <- List];
resolve_one(Other, _) -> Other.

unknown_pid(Name, Pids) ->
    case maps:is_key(Name, Pids) of true -> ok; false -> throw(unknown) end.

%% Asks an actor for a step, and answers the members of supervisors meanwhile.
ask(Pid, Op, Args, Run) ->
    Ref = monitor(process, Pid),
    Pid ! {step, self(), Ref, Op, Args},
    wait(Pid, Ref, Run).

wait(Pid, Ref, Run) ->
    receive
        {result, Ref, Result} ->
            demonitor(Ref, [flush]),
            {result, Result, Run};
        {'DOWN', Ref, process, Pid, _} ->
            {ended, Run};
        Other ->
            wait(Pid, Ref, handle(Other, Run))
    end.

await_down(Pid, Run) ->
    Ref = monitor(process, Pid),
    await_ref(Ref, Run).

await_ref(Ref, Run) ->
    receive
        {'DOWN', Ref, _, _, _} -> Run;
        Other -> await_ref(Ref, handle(Other, Run))
    end.

handle({starting, Id, Pid}, Run) ->
    {Verdict, Rest} = case maps:get(Id, Run#run.verdicts, []) of
        [First | More] -> {First, More};
        [] -> {ready, []}
    end,
    Pid ! {verdict, Verdict},
    line(["  init ", text(Id)], Run#run{
        members = maps:put(Id, Pid, Run#run.members),
        names = maps:put(Pid, Id, Run#run.names),
        verdicts = maps:put(Id, Rest, Run#run.verdicts)});
handle({stopping, Id, Pid, Reason}, Run) ->
    case lists:member(Id, Run#run.hanging) of
        true -> ok;
        false -> Pid ! go_on
    end,
    line(["  terminate ", text(Id), " ", reason(Reason, Run)], Run);
handle({'DOWN', _, process, Pid, Reason}, Run) ->
    Run#run{ends = maps:put(Pid, Reason, Run#run.ends)}.

%% Remembers the processes and refs that a result names.
note({spawned, Name, Pid, none, _}, Run) -> add_actor(Name, Pid, Run);
note({spawned, Name, Pid, Label, Ref}, Run) -> add_ref(Label, Ref, add_actor(Name, Pid, Run));
note({failing, Name, Pid, none, _}, Run) ->
    await_down(Pid, Run#run{names = maps:put(Pid, Name, Run#run.names)});
note({failing, Name, Pid, Label, Ref}, Run) -> add_ref(Label, Ref, note({failing, Name, Pid, none, Ref}, Run));
note({ref, Label, Ref}, Run) -> add_ref(Label, Ref, Run);
note(Results, Run) when is_list(Results) -> lists:foldl(fun note/2, Run, Results);
note(_, Run) -> Run.

add_actor(Name, Pid, Run) ->
    monitor(process, Pid),
    Run#run{pids = maps:put(Name, Pid, Run#run.pids), names = maps:put(Pid, Name, Run#run.names),
            order = Run#run.order ++ [Name]}.

add_ref(Label, Ref, Run) ->
    Run#run{refs = maps:put(Label, Ref, Run#run.refs), labels = maps:put(Ref, Label, Run#run.labels)}.

%% Returns when every signal has arrived: each actor has answered each, each server has done what came before,
%% and nobody has a bond with the dead.
settle(Run) ->
    Drained = drain_into(Run),
    Living = [Pid || Pid <- maps:values(Drained#run.pids) ++ maps:values(Drained#run.members), is_process_alive(Pid)],
    Actors = [Pid || Pid <- maps:values(Drained#run.pids), is_process_alive(Pid), is_actor(Pid)],
    Next = lists:foldl(fun(Pid, Acc) ->
        case ask(Pid, visit, Actors -- [Pid], Acc) of {result, _, More} -> More; {ended, More} -> More end
    end, Drained, Actors),
    [catch sys:get_state(Pid) || Pid <- Living -- Actors],
    Told = lists:all(fun(Pid) -> maps:is_key(Pid, Next#run.ends) end, maps:values(Next#run.pids) -- Living),
    case Told andalso lists:all(fun is_settled/1, Living) andalso not has_mail() of
        true -> Next;
        false -> timer:sleep(1), settle(Next)
    end.

drain_into(Run) ->
    receive Other -> drain_into(handle(Other, Run)) after 0 -> Run end.

has_mail() ->
    {message_queue_len, Length} = process_info(self(), message_queue_len),
    Length > 0.

is_actor(Pid) ->
    case process_info(Pid, dictionary) of
        {dictionary, Dictionary} -> proplists:get_value(kind, Dictionary) =:= actor;
        undefined -> false
    end.

is_settled(Pid) ->
    case process_info(Pid, [links, monitors]) of
        undefined -> true;
        [{links, Links}, {monitors, Monitors}] ->
            lists:all(fun is_process_alive/1, [Link || Link <- Links, is_pid(Link)]) andalso
                lists:all(fun is_process_alive/1, [Other || {process, Other} <- Monitors, is_pid(Other)])
    end.

line(Text, Run) -> Run#run{lines = [Text | Run#run.lines]}.

%% --- how results look ---------------------------------------------------------------------------------------

render({spawned, _, _, _, _}, _) -> "ok";
render({failing, _, _, _, _}, _) -> "ok";
render({ref, _, _}, _) -> "ok";
render({pid, Pid}, Run) -> name(Pid, Run);
render({raises, Reason}, Run) -> ["raises ", reason(Reason, Run)];
render({fails, Reason}, Run) -> ["fails ", reason(Reason, Run)];
render({reply, Value}, _) -> ["reply ", text(Value)];
render({children, Children}, Run) ->
    lists:join(" ", [[text(Id), "=", child(Pid, Run)] || {Id, Pid} <- Children]);
render({mail, Messages}, Run) ->
    ["[", lists:join(", ", mail(Messages, Run)), "]"];
render(Results, Run) when is_list(Results) -> lists:join("; ", [render(Result, Run) || Result <- Results]);
render(Value, _) -> text(Value).

child(undefined, _) -> "stopped";
child(Pid, #run{names = Names}) -> case Names of #{Pid := _} -> "running"; _ -> "unknown" end.

%% Grouped by sender, because nothing is promised between senders; what the end of one sends has no order either.
mail(Messages, Run) ->
    Tagged = [tagged(Message, Run) || Message <- Messages],
    Senders = lists:usort([Sender || {Sender, _, _} <- Tagged]),
    lists:append([group([{Kind, Text} || {From, Kind, Text} <- Tagged, From =:= Sender]) || Sender <- Senders]).

group(Items) ->
    [Text || {message, Text} <- Items] ++ lists:sort([Text || {signal, Text} <- Items]).

tagged({[alias | _], Value}, _) ->
    {"stray", message, unicode:characters_to_list(["a stray reply ", text(Value)])};
tagged({msg, From, Text}, _) -> {text(From), message, unicode:characters_to_list([text(From), ":", text(Text)])};
tagged({timeout, Ref, Text}, #run{labels = Labels}) ->
    {"timer", message, unicode:characters_to_list(["timeout ", text(maps:get(Ref, Labels, unknown)), " ", text(Text)])};
tagged({'EXIT', Pid, Reason}, Run) ->
    Name = name(Pid, Run),
    {Name, signal, unicode:characters_to_list(["EXIT ", Name, " ", reason(Reason, Run)])};
tagged({'DOWN', Ref, process, Object, Reason}, Run) ->
    Name = case Object of {Registered, _} -> text(Registered); Pid -> name(Pid, Run) end,
    Label = text(maps:get(Ref, Run#run.labels, unknown)),
    {Name, signal, unicode:characters_to_list(["DOWN ", Label, " ", Name, " ", reason(Reason, Run)])}.

name(Pid, #run{names = Names}) -> text(maps:get(Pid, Names, stranger)).

reason({{nocatch, Thrown}, Stack}, _) when is_list(Stack) -> ["thrown ", text(Thrown)];
reason({noproc, [{_, _, _, _} | _]}, _) -> "noproc";
reason({shutdown, {failed_to_start_child, Id, Reason}}, Run) -> ["failed_to_start_child ", text(Id), " ", reason(Reason, Run)];
reason({error, Reason}, Run) -> reason(Reason, Run);
reason({failed_to_start_child, Id, Reason}, Run) -> ["failed_to_start_child ", text(Id), " ", reason(Reason, Run)];
reason({already_started, Pid}, Run) -> ["already_started ", name(Pid, Run)];
reason({shutdown, Detail}, _) -> ["shutdown ", text(Detail)];
reason({duplicate_child_name, Id}, _) -> ["duplicate ", text(Id)];
reason({Error, Stack}, _) when is_atom(Error), is_list(Stack) -> ["error ", text(Error)];
reason(Reason, _) -> text(Reason).

argument({p, Name}) -> text(Name);
argument({r, Label}) -> text(Label);
argument({child, Id}) -> text(Id);
argument(List) when is_list(List) -> ["(", lists:join(" ", [argument(Item) || Item <- List]), ")"];
argument(Other) -> text(Other).

text(Value) when is_atom(Value) -> atom_to_list(Value);
text(Value) when is_integer(Value) -> integer_to_list(Value);
text(Value) -> io_lib:format("~0p", [Value]).
